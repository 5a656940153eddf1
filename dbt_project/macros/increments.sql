{#- A build of what became known since: WAREHOUSE_SINCE is the earliest instant at which what the tables are made of may
    differ from what they were last made of (warehouse/increments.py finds it); without it everything is built anew.
    No row known before an instant depends on what became known after it (docs/method.md, section c), so that a model with
    `known_since` keeps those rows. build.news names the tables whose content changed in this build: a model none of
    whose inputs is named there is not run. -#}

{%- macro since() -%} {{ return(env_var("WAREHOUSE_SINCE", "")) }} {%- endmacro -%}

{#- Whether this run of the model computes only what became known since. dbt's own would also say so of a `dbt run` by
    hand, which knows no instant. -#}
{%- macro is_incremental() -%}
  {{ return(true if execute and since() and model.config.meta.get("known_since") else false) }}
{%- endmacro -%}

{#- The rows of a query, as tuples: run_query's tables cost more than most of our queries. -#}
{%- macro rows_of(query) -%}
  {%- set _, cursor = adapter.add_query(query, auto_begin=False) -%}
  {{ return(cursor.fetchall()) }}
{%- endmacro -%}

{#- The first day whose cut-off is not before the instant; none where everything is built. -#}
{%- macro first_day() -%}
{%- if is_incremental() -%}
  {%- set at = modules.datetime.datetime.fromisoformat(since()).astimezone(modules.pytz.utc) -%}
  {{ return((at + modules.datetime.timedelta(hours=24 - drypowder.cutoff_hour(), microseconds=-1)).date() | string) }}
{%- endif -%}
{%- endmacro -%}

{#- A condition more: of a model whose table grows, only what became known since. A column of days is compared as such,
    so that DuckDB need not look at the rest. -#}
{%- macro and_known_since(column, days_before=0) -%}
{%- if is_incremental() %}
  {%- if not column.endswith(("_day", "_at", "_since")) -%}
    {% do exceptions.raise_compiler_error(column ~ " does not say whether it is a day (_day) or an instant (_at, _since)") %}
  {%- elif column.endswith("_day") %} and {{ column }} >= {{ add_days("date '" ~ first_day() ~ "'", -days_before) }}
  {%- else %}
 and {{ column }} >= timestamptz '{{ since() }}' - interval '{{ days_before }}' day
  {%- endif -%}
{%- endif -%}
{%- endmacro -%}

{#- The first day that new rows of landed tables are about; none where nothing landed. -#}
{%- macro first_landed(tables) -%}
{%- if is_incremental() -%}
  {%- for table in tables if "source.drypowder." ~ table not in graph.sources -%}
    {% do exceptions.raise_compiler_error("no table " ~ table ~ " lands") %}
  {%- endfor -%}
  {%- set found = rows_of(
      "select min(first_period)::varchar from build.news where node in ('source.drypowder."
      ~ (tables | join("', 'source.drypowder.")) ~ "')"
  ) -%}
  {{ return(found[0][0]) }}
{%- endif -%}
{%- endmacro -%}

{#- The first day, by a column, of what began or ended since; none where nothing did. -#}
{%- macro first_changed(relation, column, ended="known_until") -%}
{%- if is_incremental() -%}
  {%- set found = rows_of(
      "select min(" ~ column ~ ")::varchar from " ~ relation ~ " where known_at >= timestamptz '" ~ since()
      ~ "' or " ~ ended ~ " >= timestamptz '" ~ since() ~ "'"
  ) -%}
  {{ return(found[0][0]) }}
{%- endif -%}
{%- endmacro -%}

{#- The first day, by a column, of what the table holds of what became known since: it is replaced, so it has to come
    again. -#}
{%- macro first_replaced(column, where="true") -%}
{%- if is_incremental() -%}
  {%- set found = rows_of(
      "select min(" ~ column ~ ")::varchar from " ~ this ~ " where known_at >= timestamptz '" ~ since() ~ "' and "
      ~ where
  ) -%}
  {{ return(found[0][0]) }}
{%- endif -%}
{%- endmacro -%}

{#- A condition more: of a model whose table grows, only what is about one of these first days or later. Written as a
    day, it reaches below the windows of a view. -#}
{%- macro and_about(column, firsts, days_before=0) -%}
{%- if is_incremental() %}
  {%- set firsts = firsts | reject("none") | list -%}
  {%- if firsts %} and {{ column }} >= {{ add_days("date '" ~ (firsts | min) ~ "'", -days_before) }}
  {%- else %} and false
  {%- endif -%}
{%- endif -%}
{%- endmacro -%}

{#- Of a relation only the rows of those keys of which something became known since, where the model's table grows. A
    semi join: what IN does with keys of several columns takes DuckDB five times as long. -#}
{%- macro where_changed(relation, key, instants=["known_at"]) -%}
{%- if is_incremental() -%}
semi join (
    select {{ key | join(", ") }} from {{ relation }}
    where {% for instant in instants %}{{ instant }} >= timestamptz '{{ since() }}'{{ " or " if not loop.last }}{% endfor %}
) as changed using ({{ key | join(", ") }})
{%- endif -%}
{%- endmacro -%}

{#- A condition more: of a model whose table grows, only the rows of those keys of which something became known since,
    or ended, where `ended` names the column; and all that is about `from_first_day`, a day that is frozen at its cut-off. -#}
{%- macro of_what_changed(key, instant="known_at", ended=none, from_first_day=none) -%}
{%- if is_incremental() %}
{%- set changed = "greatest(" ~ instant ~ ", coalesce(" ~ ended ~ ", " ~ instant ~ "))" if ended else instant %}
qualify max({{ changed }}) over (partition by {{ key | join(", ") }}) >= timestamptz '{{ since() }}'
{%- if from_first_day %} or {{ from_first_day }} >= date '{{ first_day() }}' {%- endif -%}
{%- endif -%}
{%- endmacro -%}

{#- Whether an input of the model changed in this build, or the model reads the clock. -#}
{%- macro has_news() -%}
  {%- set now = env_var("WAREHOUSE_NOW", "") -%}
  {%- if now and now in compiled_code -%} {{ return(true) }} {%- endif -%}
  {%- set found = rows_of(
      "select 1 from build.news where node in ('" ~ (tables_behind(model) | join("', '")) ~ "') limit 1"
  ) -%}
  {{ return(found | length > 0) }}
{%- endmacro -%}

{#- What a model reads, and behind a view what that reads: of views a growing build runs none. -#}
{%- macro tables_behind(node) -%}
  {%- set found = [] -%}
  {%- for name in node.depends_on.nodes -%}
    {%- set each = graph.nodes.get(name) -%}
    {%- if each and each.config.materialized == "view" -%} {%- do found.extend(tables_behind(each)) -%}
    {%- else -%} {%- do found.append(name) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(found) }}
{%- endmacro -%}

{%- macro tell_news() -%} insert into build.news (node) values ('{{ model.unique_id }}'); {%- endmacro -%}

{#- What a model says of itself that had nothing to do. -#}
{%- macro leave_as_it_is() -%}
  {%- call noop_statement("main", "UNCHANGED", "UNCHANGED", 0) -%} -- nothing it is made of changed {%- endcall -%}
{%- endmacro -%}

{#- Create what will stand `beside` the table, in its columns' order and types. -#}
{%- macro create_beside(beside, target, compiled_code) -%}
create table {{ beside }} as
from (select * from {{ target }} limit 0) union all by name ({{ compiled_code }})
{%- endmacro -%}

{#- Put what stands in `beside` in the place of what the target holds of it: of all its rows, or with `known_since` of
    those known since, and of every other with the `unique_key` of one of them, whose end may have come. Rows that are
    the same stay, so that little is written. -#}
{%- macro put_in_place(target, beside) -%}
  {%- set key = config.get("unique_key") if is_incremental() -%}
  {%- set known_since = model.config.meta.get("known_since") -%}
  {#- who computed a row is not what it says -#}
  {%- set digest = "hash(*columns(each -> each <> 'run_id'))" -%}
  {%- set suffix = target.identifier -%}
  {%- set old, new = "temp.old_" ~ suffix, "temp.new_" ~ suffix -%}
  {%- set ours = "select rowid as place, " ~ digest ~ " as digest from " ~ target -%}
  {%- set counted -%}
    create or replace temp table old_{{ suffix }} as
    {{ ours }} where true {{ and_known_since(known_since) }}
    {%- if key %}
    union all
    {{ ours }} semi join (select {{ key | join(", ") }} from {{ beside }}) as again using ({{ key | join(", ") }})
    where not (true {{ and_known_since(known_since) }})
    {%- endif %};
    create or replace temp table new_{{ suffix }} as select rowid as place, {{ digest }} as digest from {{ beside }};
    select
        (select (count(*), sum(digest)) from {{ old }}) = (select (count(*), sum(digest)) from {{ new }}),
        not exists (
            select 1 from (select digest, count(*) as n from {{ old }} group by all) as before
            inner join (select digest, count(*) as n from {{ new }} group by all) as after using (digest)
            where before.n <> after.n
        )
  {%- endset -%}
  {%- set is_same, is_told_by_digest = rows_of(counted)[0] -%}
  {#- what is there more often on one side is not told by its digest: then all of it is replaced -#}
  {%- set places = "select place from {} where " ~ (
      "digest not in (select digest from {})" if is_told_by_digest else "true"
  ) -%}
  {%- call statement("replace") -%}
    {%- if not is_same -%}
      delete from {{ target }} where rowid in ({{ places.format(old, new) }});
      insert into {{ target }} by name select * from {{ beside }} where rowid in ({{ places.format(new, old) }});
      {{ tell_news() }}
    {%- endif -%}
    drop table {{ old }}; drop table {{ new }}; drop table {{ beside }}
  {%- endcall -%}
{%- endmacro -%}

{#- dbt run by hand leaves tables of which nobody knows what they were made of, so that the next build is of all. -#}
{%- macro forget_what_was_built() -%}
  {%- if execute and flags.WHICH in ["run", "build", "seed"] and not since() -%}
    drop table if exists build.inputs
  {%- endif -%}
{%- endmacro -%}
