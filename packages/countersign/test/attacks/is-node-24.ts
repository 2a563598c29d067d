/** Whether the platform is Node 24 or newer, whose HTTP parsers reject more themselves. */
export const isNode24 = Number(process.versions.node.split('.')[0]) >= 24
