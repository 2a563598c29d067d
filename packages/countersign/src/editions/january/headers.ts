/** The headers in which an answer says what was wrong with a signature, and what would let the request through (S§4, 12). */
export const januaryHeaders = { problem: 'Signature-Error', challenge: 'Agent-Auth' } as const
