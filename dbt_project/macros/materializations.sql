{#- How a table and a view come into the builder's file. dbt's own way works on every database: build beside, rename the
    old away, rename the new into place, drop the old in a transaction of its own. DuckDB creates and drops inside a
    transaction, so that here both are one: half the queries, and as safe, since what fails is rolled back. -#}

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
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {% if language == "python" %}
    {# dbt-duckdb runs it on a connection of its own, which cannot see what this transaction has dropped #}
    {%- set beside = make_intermediate_relation(target) -%}
    {{ drop_relation_if_exists(load_cached_relation(beside)) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement("main", language=language) -%}
      {{- create_table_as(False, beside, compiled_code, language) }}
    {%- endcall %}
    {% call statement("replace") -%}
      {{ replacing(target) }} alter table {{ beside }} rename to {{ adapter.quote(target.identifier) }}
    {%- endcall %}
  {% else %}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement("main") -%}
      {{ replacing(target) }} {{ create_table_as(False, target, compiled_code, language) }}
    {%- endcall %}
  {% endif %}
  {{ completed(target) }}
  {{ return({"relations": [target]}) }}
{%- endmaterialization -%}

{%- materialization view, adapter="duckdb" -%}
  {%- set target = this.incorporate(type="view") -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% call statement("main") -%}
    {{ replacing(target) }} {{ get_create_view_as_sql(target, sql) }}
  {%- endcall %}
  {{ completed(target) }}
  {{ return({"relations": [target]}) }}
{%- endmaterialization -%}
