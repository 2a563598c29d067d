/** The name of the file with a key: its kid tells which it is. */
export function keyFileOf({ kid }: { kid: string }): string {
  return `key-${kid}.json`
}
