/**
 * Re-encodes agents' logos for the pages, in a worker thread. Requires `@cf-wasm/photon`.
 *
 * @packageDocumentation
 */

import { importOptional } from 'countersign/node'
import type { LogoReEncoder } from '../logo-re-encoder.js'

export type { LogoOutcome, LogoReEncoder } from '../logo-re-encoder.js'

// The worker thread loads the decoder itself; this only checks that it is installed.
await importOptional('countersign-server/logos', ['@cf-wasm/photon'], () => import('@cf-wasm/photon/others'))
const encoder = await import('./re-encode-logo.js')

/** Decodes a fetched logo and re-encodes it as a small image. See {@link LogoReEncoder}. */
export const reEncodeLogo: LogoReEncoder = encoder.reEncodeLogo
