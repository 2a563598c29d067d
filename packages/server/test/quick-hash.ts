import { hash } from '@node-rs/argon2'

/** A password hash that is checked a hundred times faster than the server’s own hashes. */
export function quickHash(password: string): Promise<string> {
  return hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })
}
