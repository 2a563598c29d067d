/** The form in which user names are compared: `Alice`, `alice` and full-width `ＡＬＩＣＥ` are one name. */
export function foldUsername(username: string): string {
  return username.normalize('NFKC').toLowerCase().normalize('NFKC')
}
