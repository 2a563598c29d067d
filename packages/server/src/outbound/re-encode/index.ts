import { importOptional } from 'countersign/node'
import type { LogoReEncoder } from '../logo-re-encoder.js'

export type { LogoOutcome, LogoReEncoder } from '../logo-re-encoder.js'

// Decoding begins in a thread that loads it again; here it only has to be there.
await importOptional('countersign-server/logos', ['@cf-wasm/photon'], () => import('@cf-wasm/photon/others'))
const encoder = await import('./re-encode-logo.js')

/** Decodes a fetched logo and encodes it again as a small picture. See {@link LogoReEncoder}. */
export const reEncodeLogo: LogoReEncoder = encoder.reEncodeLogo
