import type { Issue } from '../core/errors.js'
import { invalidDialogue } from './invalid-dialogue.js'
import { END_NODE, type UnityChoice, type UnityNode } from './unity-node.js'

const NODE_REFERENCES = [
  'nextNode',
  'targetNode',
  'successNode',
  'failureNode',
  'testSuccessNode',
  'testFailureNode',
] as const satisfies readonly (keyof UnityNode)[]

const CHOICE_REFERENCES = [
  'targetNode',
  'testCriticalFailureNode',
  'testFailureNode',
  'testSuccessNode',
  'testCriticalSuccessNode',
] as const satisfies readonly (keyof UnityChoice)[]

type Path = readonly (string | number)[]

/**
 * Checks that the nodes form a dialogue that Unity can walk: at least one node, each with an id of its own,
 * every reference to one of them or to `END`. An empty reference is none.
 *
 * Issues name places, never the text found there: that text was generated, and issues may be logged.
 * @throws {InvalidResultError} with all issues at once; also for nodes that are none, as they may come out of a file.
 */
export function validateUnityNodes(nodes: readonly UnityNode[]): void {
  const issues = Array.isArray(nodes) ? [...findIssues(nodes)] : [issueAt([], 'expected an array of nodes')]
  if (issues.length > 0) throw invalidDialogue(issues)
}

function* findIssues(nodes: readonly unknown[]): Generator<Issue> {
  if (nodes.length === 0) yield issueAt([], 'expected at least one node')
  const ids = new Map<unknown, number>([[END_NODE, -1]])
  for (const [index, node] of nodes.entries()) {
    if (isRecord(node)) yield* findIdIssues(node.id, index, ids)
    else yield issueAt([index], 'expected a node')
  }
  for (const [index, node] of nodes.entries()) {
    if (!isRecord(node)) continue
    yield* findDanglingReferences(node, NODE_REFERENCES, [index], ids)
    const choices = node.choices ?? []
    if (!Array.isArray(choices)) yield issueAt([index, 'choices'], 'expected an array of choices')
    else
      for (const [place, choice] of choices.entries()) yield* findChoiceIssues(choice, [index, 'choices', place], ids)
  }
}

function* findIdIssues(id: unknown, index: number, ids: Map<unknown, number>): Generator<Issue> {
  const same = ids.get(id)
  if (typeof id !== 'string' || id === '') yield issueAt([index, 'id'], 'expected a non-empty id')
  else if (id === END_NODE) yield issueAt([index, 'id'], `${END_NODE} is the end of the dialogue and no node`)
  else if (same !== undefined) yield issueAt([index, 'id'], `the same id as node ${same}`)
  else ids.set(id, index)
}

function* findChoiceIssues(choice: unknown, path: Path, ids: ReadonlyMap<unknown, number>): Generator<Issue> {
  if (isRecord(choice)) yield* findDanglingReferences(choice, CHOICE_REFERENCES, path, ids)
  else yield issueAt(path, 'expected a choice')
}

function* findDanglingReferences(
  owner: Record<string, unknown>,
  fields: readonly string[],
  path: Path,
  ids: ReadonlyMap<unknown, number>,
): Generator<Issue> {
  for (const field of fields) {
    const reference = owner[field]
    const leads = reference === undefined || reference === null || reference === '' || ids.has(reference)
    if (!leads) yield issueAt([...path, field], `refers to no node and is not ${END_NODE}`)
  }
}

function issueAt(path: Path, message: string): Issue {
  return { path, message }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
