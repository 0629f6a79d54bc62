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

/**
 * Checks that the nodes form a dialogue that Unity can walk: at least one node, each with an id of its own,
 * every reference to one of them or to `END`. An empty reference is none.
 *
 * Issues name places, never the text found there: that text was generated, and issues may be logged.
 * @throws {InvalidResultError} with all issues at once.
 */
export function validateUnityNodes(nodes: readonly UnityNode[]): void {
  const issues = [...findIssues(nodes)]
  if (issues.length > 0) throw invalidDialogue(issues)
}

function* findIssues(nodes: readonly UnityNode[]): Generator<Issue> {
  if (nodes.length === 0) yield { path: [], message: 'expected at least one node' }
  const firstIndex = new Map<string, number>()
  for (const [index, { id }] of nodes.entries()) {
    const path = [index, 'id']
    const same = firstIndex.get(id)
    if (typeof id !== 'string' || id === '') yield { path, message: 'expected a non-empty id' }
    else if (id === END_NODE) yield { path, message: `${END_NODE} is the end of the dialogue and no node` }
    else if (same !== undefined) yield { path, message: `the same id as node ${same}` }
    else firstIndex.set(id, index)
  }
  const leadsNowhere = (reference: string | undefined) =>
    Boolean(reference) && reference !== END_NODE && !firstIndex.has(reference ?? '')
  for (const [index, node] of nodes.entries()) {
    for (const field of NODE_REFERENCES) {
      if (leadsNowhere(node[field])) yield danglingReference([index, field])
    }
    for (const [choiceIndex, choice] of (node.choices ?? []).entries()) {
      for (const field of CHOICE_REFERENCES) {
        if (leadsNowhere(choice[field])) yield danglingReference([index, 'choices', choiceIndex, field])
      }
    }
  }
}

function danglingReference(path: readonly (string | number)[]): Issue {
  return { path, message: `refers to no node and is not ${END_NODE}` }
}
