import { nearestName } from '../lib/nearest-name.js'

/** The setting, or group, that was meant by an unknown name: it may be misspelled, at another level, or longer. */
export function meantSetting(unknown: string, settings: readonly string[]): string | undefined {
  const known = [...new Set(settings.flatMap((name) => [...groupsOf(name), name]))]
  const near = nearestName(unknown, known)
  if (near !== undefined) return near
  const last = nearestName(lastPart(unknown), known.map(lastPart))
  if (last !== undefined) return known.find((name) => lastPart(name) === last)
  const words = wordsOf(unknown)
  const isSaidBy = (wanted: readonly string[]) => wanted.every((word) => words.includes(word))
  return (
    settings.find((name) => words.length > 1 && isSaidBy(wordsOf(name))) ??
    settings.find((name) => isSaidBy(wordsOf(lastPart(name))))
  )
}

/** `pages.footer.help` → `pages`, `pages.footer` */
function groupsOf(name: string): string[] {
  const parts = name.split('.')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'))
}

/** `listen.port` → `port` */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** `authTokenLifetime` → `auth`, `token`, `lifetime` */
function wordsOf(name: string): string[] {
  return (name.match(/[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase().replace(/s$/, ''))
}
