/**
 * Certificates as agents' identity (`scheme=x509`). Only this entry point requires `@peculiar/asn1-x509` and `@peculiar/asn1-schema`.
 *
 * @packageDocumentation
 */

import { importOptional } from '../lib/import-optional.js'

export type { CertificateFinderOptions } from './certificate-finder.js'

const finder = await importOptional(
  'countersign/x509',
  ['@peculiar/asn1-x509', '@peculiar/asn1-schema'],
  () => import('./certificate-finder.js'),
)

/** Creates a finder that fetches and verifies an agent's certificate under the given roots, for `scheme=x509`. */
export const createCertificateFinder: typeof finder.createCertificateFinder = finder.createCertificateFinder
