const day = 24 * 60 * 60

/** When the UTC day of a time began. */
export function startOfDay(time: number): number {
  return time - (time % day)
}
