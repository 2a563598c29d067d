/** The names of response header fields. */
export const headers = { requirement: 'aauth-requirement', problem: 'signature-error' } as const
