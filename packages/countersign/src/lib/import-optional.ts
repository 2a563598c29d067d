/** A package is missing that whoever uses an entry installs. The message has the line that installs it. */
export class MissingPackageError extends Error {
  override name = 'MissingPackageError'
}

/**
 * Imports what an entry needs that is not installed with the library itself.
 *
 * @param user what needs it, as the message names it
 * @param packages what to install
 * @throws MissingPackageError
 */
export async function importOptional<T>(user: string, packages: readonly string[], load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND')) throw cause
    const what = packages.length === 1 ? 'a package that is' : 'packages that are'
    throw new MissingPackageError(`${user} needs ${what} not installed: npm install ${packages.join(' ')}`, { cause })
  }
}
