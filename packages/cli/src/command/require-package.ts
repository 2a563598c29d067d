import { createRequire } from 'node:module'
import { CommandError } from './errors.js'

/** Optional packages that some commands need. Users install them when they first use such a command. */
export type OptionalPackage = 'countersign-server' | 'countersign-gateway'

/** @throws CommandError with the install command, if the package is not installed */
export function requirePackage(name: OptionalPackage): void {
  try {
    createRequire(import.meta.url).resolve(name)
  } catch (cause) {
    throw new CommandError(`This command requires the ${name} package, which is not installed: npm install ${name}`, {
      cause,
    })
  }
}
