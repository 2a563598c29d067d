/** Places that only so many can have at once. */
export interface Slots {
  /** Takes a place; undefined when there is none. What is given back must be called once, to leave the place. */
  take(holder: string | undefined): (() => void) | undefined
}

/**
 * @param total places for everybody together
 * @param perHolder places that one holder may have of them; an unknown one may have all
 */
export function createSlots(total: number, perHolder: number): Slots {
  let taken = 0
  const takenBy = new Map<string, number>()

  return {
    take(holder) {
      const own = holder === undefined ? 0 : (takenBy.get(holder) ?? 0)
      if (taken >= total || own >= perHolder) return undefined
      taken++
      if (holder !== undefined) takenBy.set(holder, own + 1)
      return () => {
        taken--
        if (holder === undefined) return
        const left = (takenBy.get(holder) ?? 0) - 1
        if (left > 0) takenBy.set(holder, left)
        else takenBy.delete(holder)
      }
    },
  }
}
