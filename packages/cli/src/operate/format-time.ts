/** Unix seconds for a person: `2026-01-31 12:00:00Z`; nothing as `-`. */
export function formatTime(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '-'
  return new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000Z', 'Z')
}
