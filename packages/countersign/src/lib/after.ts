import type { MaybePromise } from './maybe-promise.js'

/** What comes of a value that is there now or later; now, if it is: a promise costs as much as taking a token apart. */
export function after<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}
