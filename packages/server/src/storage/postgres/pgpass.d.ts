declare module 'pgpass' {
  /** Looks a password up for what a connection goes to. */
  export default function pgpass(connection: unknown, found: (password: string | undefined) => void): void
}
