import { usageError } from '../command/command-error.js'

/** What is made of the key in the file that `--key` names. */
export async function requireUsableKey<T>(path: string, made: Promise<T>): Promise<T> {
  try {
    return await made
  } catch (cause) {
    throw usageError(
      `--key: ${path} holds no usable key: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    )
  }
}
