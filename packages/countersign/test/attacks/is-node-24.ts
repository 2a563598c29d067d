/** Whether the platform is Node 24 or newer, whose parsers of HTTP refuse more by themselves. */
export const isNode24 = Number(process.versions.node.split('.')[0]) >= 24
