import { hash, verify } from '@node-rs/argon2'

/** argon2id with the parameters of RFC 9106's second choice scaled to 19 MiB (OWASP); off the event loop. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** An encoded argon2id hash. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, parameters)
}

let dummy: Promise<string> | undefined

/** Whether the password belongs to the hash. Without a hash it takes the same time and is false (attacks C17). */
export async function verifyPassword(passwordHash: string | undefined, password: string): Promise<boolean> {
  dummy ??= hashPassword('no account has this password')
  const matches = await verify(passwordHash ?? (await dummy), password)
  return matches && passwordHash !== undefined
}
