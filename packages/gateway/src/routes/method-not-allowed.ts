import { AAuthError } from 'countersign/resource'

/** A path that is asked for with other methods, which the answer lists (RFC 9110 §15.5.6). */
export class MethodNotAllowed extends AAuthError {
  readonly methods: readonly string[]

  constructor(message: string, methods: readonly string[]) {
    super('method_not_allowed', message)
    this.methods = methods
  }
}

/** The header that lists them, where an error is one of these. */
export function allowHeader(error: unknown): readonly (readonly [string, string])[] {
  return error instanceof MethodNotAllowed ? [['Allow', error.methods.join(', ')]] : []
}
