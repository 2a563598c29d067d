import { usageError } from '../command/command-error.js'

/** What is made of the key in a file; `named` is what names it: a flag, or a command. */
export async function requireUsableKey<T>(path: string, made: Promise<T>, named = '--key'): Promise<T> {
  try {
    return await made
  } catch (cause) {
    throw usageError(
      `${named}: ${path} holds no usable key: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    )
  }
}
