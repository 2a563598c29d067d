/** A value or a promise for it: synchronous on Node's hot path, asynchronous with WebCrypto and remote signers. */
export type MaybePromise<T> = T | Promise<T>
