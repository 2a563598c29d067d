/** Places that only so many can have at once. */
export interface Slots {
  /** Takes a place; undefined when there is none. What is given back must be called once, to leave the place. */
  take(source: string | undefined): (() => void) | undefined
}

/**
 * @param total places for everybody together
 * @param perSource places that one source may have of them; an unknown source may have all
 */
export function createSlots(total: number, perSource: number): Slots {
  let taken = 0
  const takenBy = new Map<string, number>()

  return {
    take(source) {
      const own = source === undefined ? 0 : (takenBy.get(source) ?? 0)
      if (taken >= total || own >= perSource) return undefined
      taken++
      if (source !== undefined) takenBy.set(source, own + 1)
      return () => {
        taken--
        if (source === undefined) return
        const left = (takenBy.get(source) ?? 0) - 1
        if (left > 0) takenBy.set(source, left)
        else takenBy.delete(source)
      }
    },
  }
}
