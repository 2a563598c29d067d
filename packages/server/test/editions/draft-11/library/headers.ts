/** The fields of answers. */
export const headers = { requirement: 'aauth-requirement', problem: 'signature-error' } as const
