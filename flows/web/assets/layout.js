// The layouts of pivots: in this browser, and in the address, so that a link shares them.

const LAYOUT = ["plugin", "plugin_config", "columns_config", "group_by", "split_by", "columns", "filter", "sort",
  "expressions", "aggregates", "group_rollup_mode", "split_rollup_mode"];

export const attempt = action => { try { return action(); } catch { return null; } };

export const pick = layout => Object.fromEntries(LAYOUT.filter(name => name in layout).map(name => [name, layout[name]]));
const inAddress = () => new URLSearchParams(location.hash.slice(1));
export const readLayout = name => attempt(() => pick(JSON.parse(inAddress().get(name)))) ??
  attempt(() => pick(JSON.parse(localStorage.getItem(`cubefeed:${name}`))));

export const keepLayout = (name, layout) => {
  const address = inAddress();
  if (layout) address.set(name, JSON.stringify(layout)); else address.delete(name);
  history.replaceState(null, "", address.size ? `#${address}` : location.pathname + location.search);
  attempt(() => layout ? localStorage.setItem(`cubefeed:${name}`, JSON.stringify(layout))
    : localStorage.removeItem(`cubefeed:${name}`)); // a browser may forbid storage
};

const aggregates = measures => Object.fromEntries(measures.map(({name, fold}) => [name, fold]));

// By the first date where there is one: every measure, means weighted by the count of the values behind them.
export const standardLayout = ({levels, measures, count}) => ({
  plugin: "Datagrid",
  group_by: [levels.find(level => level.kind === "date") ?? levels[0]].filter(Boolean).map(level => level.name),
  split_by: [], filter: [], sort: [], expressions: {},
  columns: measures.map(measure => measure.name).filter(name => name === count || !name.endsWith(".COUNT")),
  aggregates: aggregates(measures),
  columns_config: Object.fromEntries(measures.filter(measure => measure.whole).map(({name}) =>
    [name, {number_format: {maximumFractionDigits: 0}}])),
});

// A kept layout may name columns that there are no more, and know nothing of measures that there are now.
export const fitting = (layout, {types, measures}) => {
  if (!layout) return null;
  const known = name => name === null || name in types || name in (layout.expressions ?? {});
  const fitted = {...layout};
  for (const part of ["group_by", "split_by", "columns"]) if (fitted[part]) fitted[part] = fitted[part].filter(known);
  for (const part of ["filter", "sort"]) if (fitted[part]) fitted[part] = fitted[part].filter(([name]) => known(name));
  fitted.aggregates = {...aggregates(measures), ...layout.aggregates};
  return fitted;
};
