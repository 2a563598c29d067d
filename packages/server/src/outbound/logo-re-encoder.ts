/** A small image made from an untrusted one, or the reason why it could not be made. */
export type LogoOutcome = { image: Uint8Array } | { refusal: string }

/** Makes a small square PNG, containing only pixels, from whatever a stranger serves as a logo. */
export type LogoReEncoder = (bytes: Uint8Array) => Promise<LogoOutcome>
