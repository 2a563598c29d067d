import { createRequire } from 'node:module'
import { CommandError } from './errors.js'

/** Packages that some commands need, and that are installed by whoever uses these. */
export type OptionalPackage = 'countersign-server' | 'countersign-gateway'

/** @throws CommandError with the line that installs the package, where it is not there */
export function requirePackage(name: OptionalPackage): void {
  try {
    createRequire(import.meta.url).resolve(name)
  } catch (cause) {
    throw new CommandError(`This needs the package ${name}, which is not installed: npm install ${name}`, { cause })
  }
}
