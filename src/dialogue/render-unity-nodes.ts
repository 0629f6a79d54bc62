import type { UnityChoiceContent, UnityDialogueResponse } from './unity-dialogue-schema.js'
import { END_NODE, START_NODE, type UnityNode } from './unity-node.js'

/** Fields that stay even when they are empty. */
const KEPT_FIELDS: ReadonlySet<string> = new Set(['id', 'targetNode'])

/**
 * Renders the answer of the model as the nodes that Unity reads: one node `START`, whose choices lead to `END`,
 * without `displayName` and without fields at their default. `JSON.stringify(nodes, null, 2)` is the file.
 */
export function renderUnityNodes(response: UnityDialogueResponse): UnityNode[] {
  const { speaker, line, test, consequences, isLongRest, startState, choices } = response.node
  const node = {
    id: START_NODE,
    speaker,
    line,
    test,
    consequences: consequences && { flag: consequences.flag, description: consequences.description },
    isLongRest,
    startState,
    choices: choices?.map(renderChoice),
  }
  // Every field left by the normalisation has the type UnityNode gives it.
  return [normaliseUnityNode(node) as unknown as UnityNode]
}

/**
 * Leaves out what Unity takes as the default anyway: null, `""`, `false`, `0`, `[]`, `{}`, at every depth.
 * Only `id` and `targetNode` stay whatever they hold.
 */
export function normaliseUnityNode(node: object): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(node)) {
    const normal = normaliseValue(value)
    if (KEPT_FIELDS.has(key) || !isDefault(normal)) kept[key] = normal
  }
  return kept
}

function renderChoice(choice: UnityChoiceContent) {
  return {
    text: choice.text,
    targetNode: END_NODE,
    test: choice.test,
    testCriticalFailureNode: choice.testCriticalFailureNode,
    testFailureNode: choice.testFailureNode,
    testSuccessNode: choice.testSuccessNode,
    testCriticalSuccessNode: choice.testCriticalSuccessNode,
    traitRequirements: choice.traitRequirements?.map(({ trait, minValue }) => ({ trait, minValue })),
    allowInfluenceForcing: choice.allowInfluenceForcing,
    influenceThreshold: choice.influenceThreshold,
    influenceDelta: choice.influenceDelta,
    respectDelta: choice.respectDelta,
    condition: choice.condition,
  }
}

function normaliseValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normaliseValue).filter((item) => !isEmptyObject(item))
  return typeof value === 'object' && value !== null ? normaliseUnityNode(value) : value
}

function isDefault(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  return value === undefined || value === null || value === '' || value === false || value === 0 || isEmptyObject(value)
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
}
