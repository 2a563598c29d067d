/** A header name as programs write it: `Content-Type`. */
export function titleCase(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase())
}
