{#- How a table and a view come into the builder's file. dbt's own way works on every database: build beside, rename the
    old away, rename the new into place, drop the old in a transaction of its own. DuckDB creates and drops inside a
    transaction, so that here both are one: half the queries, and as safe, since what fails is rolled back. In a build
    of what became known since, tables stay and grow (increments.sql), and views are not run. -#}

{%- macro replacing(relation) -%}
{%- set existing = load_cached_relation(relation) -%}
{%- if existing is not none -%} drop {{ existing.type }} if exists {{ existing }} cascade; {% endif -%}
{%- endmacro -%}

{%- macro completed(relation) -%}
  {% do persist_docs(relation, model) %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
{%- endmacro -%}

{%- materialization table, adapter="duckdb", supported_languages=["sql", "python"] -%}
  {%- set target = this.incorporate(type="table") -%}
  {%- set language = model["language"] -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set grows = since() and existing is not none and existing.type == "table" -%}
  {%- if is_incremental() and not grows -%}
    {% do exceptions.raise_compiler_error(this ~ " is not there to grow; run `drypowder build --anew`") %}
  {%- endif -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {% if grows and not has_news() %}
    {{ leave_as_it_is() }}
    {{ return({"relations": [target]}) }}
  {% endif %}
  {# dbt-duckdb runs Python on a connection of its own, which cannot see what this transaction has dropped #}
  {%- set beside = make_intermediate_relation(target) -%}
  {{ drop_relation_if_exists(load_cached_relation(beside)) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% if language == "python" %}
    {% call statement("main", language=language) -%}
      {{- py_write_table(False, beside, compiled_code) }}
    {%- endcall %}
  {% elif grows %}
    {% call statement("main") -%} {{ create_beside(beside, target, compiled_code) }} {%- endcall %}
  {% else %}
    {% call statement("main") -%}
      {{ replacing(target) }} {{ create_table_as(False, target, compiled_code, language) }}
    {%- endcall %}
  {% endif %}
  {% if grows %}
    {{ put_in_place(target, beside) }}
    {{ adapter.commit() }}
  {% else %}
    {% if language == "python" %}
      {% call statement("replace") -%}
        {{ replacing(target) }} alter table {{ beside }} rename to {{ adapter.quote(target.identifier) }}
      {%- endcall %}
    {% endif %}
    {%- if since() -%} {%- do adapter.add_query(tell_news()) -%} {%- endif -%}
    {{ completed(target) }}
  {% endif %}
  {{ return({"relations": [target]}) }}
{%- endmaterialization -%}

{%- materialization view, adapter="duckdb" -%}
  {%- set target = this.incorporate(type="view") -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- call statement("main") -%}
    {{ replacing(target) }} {{ get_create_view_as_sql(target, sql) }}
  {%- endcall -%}
  {{ completed(target) }}
  {{ return({"relations": [target]}) }}
{%- endmaterialization -%}
