/** Bytes that a master key has. */
export const masterKeyLength = 32

/** @throws TypeError for anything but 32 bytes */
export function requireMasterKey(masterKey: Uint8Array): void {
  if (masterKey.length !== masterKeyLength) throw new TypeError(`masterKey must be ${masterKeyLength} random bytes`)
}
