import { isLoopbackIdentifier } from 'countersign/wire'
import type { LoadedConfig } from 'countersign-server'

/** Whether the server listens on the port of an issuer on this machine, with nothing in front of it. */
export function isIssuerPort({ issuer, listen }: LoadedConfig['settings']): boolean {
  return isLoopbackIdentifier(issuer) && Number(new URL(issuer).port) === listen.port
}
