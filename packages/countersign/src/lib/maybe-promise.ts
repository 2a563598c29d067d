/** A value now, or a promise of it: synchronous on Node's hot path, asynchronous on WebCrypto and remote signers. */
export type MaybePromise<T> = T | Promise<T>
