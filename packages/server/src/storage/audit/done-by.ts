/** Who did something, as the data of its event; nothing where that is the person the event is about. */
export function doneBy(by: string | undefined): { by: string } | undefined {
  return by === undefined ? undefined : { by }
}
