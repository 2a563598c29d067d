/** A small picture made of a stranger's, or why there is none. */
export type LogoOutcome = { image: Uint8Array } | { refusal: string }

/** Makes a small square PNG, without anything but pixels, of whatever a stranger serves as a logo. */
export type LogoReEncoder = (bytes: Uint8Array) => Promise<LogoOutcome>
