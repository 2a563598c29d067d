import type { Child } from 'hono/jsx'

/** A time of day or a day, in words, with its exact value; `clock` marks one that the script may show in local time. */
export function Moment(props: { at: number; clock?: boolean; children: Child }) {
  return (
    <time datetime={new Date(props.at * 1000).toISOString()} data-clock={props.clock === true ? '' : undefined}>
      {props.children}
    </time>
  )
}
