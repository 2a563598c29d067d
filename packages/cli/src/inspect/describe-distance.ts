/** Formats a time relative to now: `in 9 minutes`, `3 days ago`. */
export function describeDistance(seconds: number): string {
  const distance = Math.abs(Math.round(seconds))
  const [size, unit] = (
    [
      [86_400, 'day'],
      [3600, 'hour'],
      [60, 'minute'],
      [1, 'second'],
    ] as const
  ).find(([candidate]) => distance >= candidate * 2) ?? [1, 'second']
  const count = Math.floor(distance / size)
  const words = `${count} ${unit}${count === 1 ? '' : 's'}`
  return seconds <= 0 ? `${words} ago` : `in ${words}`
}
