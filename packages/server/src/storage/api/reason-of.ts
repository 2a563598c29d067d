/** Why a verb refuses, of the outcomes that it may have. */
export type ReasonOf<O> = O extends { outcome: 'refused'; reason: infer R extends string } ? R : never
