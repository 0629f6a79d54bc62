import type { UnityTraitRequirement } from './unity-dialogue-schema.js'

/** Id of the first node of a rendered dialogue. */
export const START_NODE = 'START'
/** The end of the dialogue: a valid reference, never a node. */
export const END_NODE = 'END'

/** One answer of the player in the file that Unity reads. */
export interface UnityChoice {
  text?: string | undefined
  /** Id of the next node, or `END`; always present in what `renderUnityNodes` returns. */
  targetNode?: string | undefined
  test?: string | undefined
  testCriticalFailureNode?: string | undefined
  testFailureNode?: string | undefined
  testSuccessNode?: string | undefined
  testCriticalSuccessNode?: string | undefined
  traitRequirements?: readonly Partial<UnityTraitRequirement>[] | undefined
  allowInfluenceForcing?: boolean | undefined
  influenceThreshold?: number | undefined
  influenceDelta?: number | undefined
  respectDelta?: number | undefined
  condition?: string | undefined
}

/** One node in the file that Unity reads. Fields at their default (empty, false, 0) are left out. */
export interface UnityNode {
  id: string
  speaker?: string | undefined
  line?: string | undefined
  test?: string | undefined
  consequences?: { flag?: string | undefined; description?: string | undefined } | undefined
  isLongRest?: boolean | undefined
  startState?: number | undefined
  choices?: readonly UnityChoice[] | undefined
  nextNode?: string | undefined
  targetNode?: string | undefined
  successNode?: string | undefined
  failureNode?: string | undefined
  testSuccessNode?: string | undefined
  testFailureNode?: string | undefined
}

/** A finished dialogue: the value of a dialogue job, and what a `DialogueStore` saves. */
export interface UnityDialogue {
  title: string
  nodes: UnityNode[]
}
