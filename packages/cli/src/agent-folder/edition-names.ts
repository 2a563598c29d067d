/** The editions of the protocol, each under the name that `agent init --edition` and `agent.json` use. */
export const editionNames = ['january', 'draft-11'] as const

export type EditionName = (typeof editionNames)[number]
