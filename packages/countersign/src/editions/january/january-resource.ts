import type { ResourceEdition } from '../edition.js'
import { januaryDocuments } from './documents.js'
import { writeRefusal } from './refusals.js'
import { createKeyResolver } from './resolve-key.js'
import { createResourceProtocol } from './resource-protocol.js'
import { isJanuaryKey, januaryHeaders, januarySigning, parseSignatureKey } from './signature-key.js'

/** The resource's part of AAuth as of January 2026. */
export const januaryResource = {
  name: 'January 2026',
  documents: januaryDocuments,
  signing: { ...januarySigning, parseKey: parseSignatureKey, recognizes: isJanuaryKey },
  responseHeaders: Object.values(januaryHeaders),
  createKeyResolver,
  writeRefusal,
  createResourceProtocol,
} as const satisfies ResourceEdition
