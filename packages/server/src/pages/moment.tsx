import type { Child } from 'hono/jsx'

/** A time or a day in words, with its exact value; one with a `clock`, a locale, is shown in local time by the script. */
export function Moment(props: { at: number; clock?: string; children: Child }) {
  return (
    <time datetime={new Date(props.at * 1000).toISOString()} data-clock={props.clock}>
      {props.children}
    </time>
  )
}
