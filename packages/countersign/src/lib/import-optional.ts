/** An optional package that an entry point needs is not installed. The message contains the install command. */
export class MissingPackageError extends Error {
  override name = 'MissingPackageError'
}

/**
 * Imports the optional dependencies of an entry point.
 *
 * @param user the feature that needs them, as named in the message
 * @param packages the packages to install
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
