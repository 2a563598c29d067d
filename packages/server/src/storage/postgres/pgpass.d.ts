declare module 'pgpass' {
  /** Looks up the password for a connection. */
  export default function pgpass(connection: unknown, found: (password: string | undefined) => void): void
}
