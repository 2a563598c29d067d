/** What a closed account is called from then on; unique, and nobody's name. */
export function closedUsername(userId: string): string {
  return `closed-${userId}`
}
