/**
 * The password for a connection in the file that `PGPASSFILE` names, or in `~/.pgpass`; asked for where the database wants
 * one and neither the URL nor `PGPASSWORD` has it.
 *
 * @param connection where it goes to, as the driver says it
 * @throws MissingPassword
 */
export async function passwordFromFile(connection?: unknown): Promise<string> {
  const { default: pgpass } = await import('pgpass')
  const found = await new Promise<string | undefined>((resolve) => pgpass(connection, resolve))
  if (found === undefined) throw new MissingPassword()
  return found
}

/** The database asks for a password, and there is none. */
export class MissingPassword extends Error {
  constructor() {
    super('no password was found')
    this.name = 'MissingPassword'
  }
}
