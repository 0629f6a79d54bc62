import { z } from 'zod'

/** One requirement on a trait of the player. */
export interface UnityTraitRequirement {
  readonly trait: string
  /** From -100 to 100. */
  readonly minValue: number
}

/** A flag that the node sets. */
export interface UnityConsequences {
  readonly flag: string
  readonly description?: string | null | undefined
}

/** One answer of the player, as the model writes it. */
export interface UnityChoiceContent {
  readonly text: string
  /** `Attribute+Skill:DC`, for instance `Raison+Rhétorique:8`; documented, not enforced. */
  readonly test?: string | null | undefined
  /** Score below DC - 5. */
  readonly testCriticalFailureNode?: string | null | undefined
  /** Score from DC - 5 up to, not including, DC. */
  readonly testFailureNode?: string | null | undefined
  /** Score from DC up to, not including, DC + 5. */
  readonly testSuccessNode?: string | null | undefined
  /** Score of DC + 5 or more. */
  readonly testCriticalSuccessNode?: string | null | undefined
  readonly traitRequirements?: readonly UnityTraitRequirement[] | null | undefined
  readonly allowInfluenceForcing?: boolean | null | undefined
  readonly influenceThreshold?: number | null | undefined
  readonly influenceDelta?: number | null | undefined
  readonly respectDelta?: number | null | undefined
  /** `FLAG`, `NOT FLAG` or `startState == 1`. */
  readonly condition?: string | null | undefined
}

/** One node of a dialogue, as the model writes it: no ids, no navigation. */
export interface UnityNodeContent {
  /** Two to six words for the editor; never rendered. */
  readonly displayName?: string | null | undefined
  readonly speaker?: string | null | undefined
  /** May hold line breaks. */
  readonly line?: string | null | undefined
  readonly test?: string | null | undefined
  readonly consequences?: UnityConsequences | null | undefined
  readonly isLongRest?: boolean | null | undefined
  readonly startState?: number | null | undefined
  /** `null` ends the dialogue at this node. */
  readonly choices?: readonly UnityChoiceContent[] | null | undefined
}

/** What the model answers: a title and one node. */
export interface UnityDialogueResponse {
  readonly title: string
  readonly node: UnityNodeContent
}

/** A field that may be missing or null; null when it is missing. */
const optional = <T extends z.ZodType>(schema: T) => schema.nullable().default(null)

/** Models like to answer a list of consequences: the first one counts, an empty list is none. */
const firstOfList = (value: unknown) => (Array.isArray(value) ? (value[0] ?? null) : value)

const traitRequirementSchema = z.object({
  trait: z.string(),
  minValue: z.int().min(-100).max(100),
})

const consequencesSchema = z.object({
  flag: z.string(),
  description: optional(z.string()),
})

const choiceSchema = z.object({
  text: z.string(),
  test: optional(z.string()),
  testCriticalFailureNode: optional(z.string()),
  testFailureNode: optional(z.string()),
  testSuccessNode: optional(z.string()),
  testCriticalSuccessNode: optional(z.string()),
  traitRequirements: optional(z.array(traitRequirementSchema)),
  allowInfluenceForcing: optional(z.boolean()),
  influenceThreshold: optional(z.int()),
  influenceDelta: optional(z.int()),
  respectDelta: optional(z.int()),
  condition: optional(z.string()),
})

const nodeSchema = z.object({
  displayName: optional(z.string()),
  speaker: optional(z.string()),
  line: optional(z.string()),
  test: optional(z.string()),
  consequences: z.preprocess(firstOfList, optional(consequencesSchema)),
  isLongRest: optional(z.boolean()),
  startState: optional(z.int()),
  choices: optional(z.array(choiceSchema)),
})

/**
 * The answer of the model, in the shape of the origin's `UnityDialogueGenerationResponse`: `{ title, node }`.
 *
 * Optional fields may be missing or null and come out as null. Unknown keys are dropped. Strings may be empty.
 * How many choices a node may have is a rule of the request, not of this schema.
 */
export const unityDialogueSchema = z.object({ title: z.string(), node: nodeSchema })
